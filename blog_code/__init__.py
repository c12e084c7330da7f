"""The code behind the blog: one package a post, the runner that executes them, and the import from Hugo."""
