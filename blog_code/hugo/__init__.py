"""Brings Hugo posts in: what Hugo's Markdown says is written in this site's, and checked unit by unit."""
