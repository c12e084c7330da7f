"""The code of the post docs/posts/flax-and-optax.md, one module a chapter."""
