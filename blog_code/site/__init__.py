"""What a reader gets: the pages that MkDocs writes, finished with what only built HTML can be given."""
