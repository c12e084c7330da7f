"""Bring Hugo posts in: copy the site, ask Hugo, split by marks, write candidates, judge, place."""
