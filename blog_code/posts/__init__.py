"""What an author wrote: posts, the regions of modules that they name, and what is wrong with either."""
