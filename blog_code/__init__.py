"""The code behind the blog: a package for each post, and what reads, runs and publishes them."""
