"""What a run does, and what it left: execute the cells, keep the record, check that all agree."""
