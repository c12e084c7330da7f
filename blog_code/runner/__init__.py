"""How posts run: find the cells, execute them, keep the record, check that all agree."""
