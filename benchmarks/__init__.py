"""The figures behind the claims: each module measures one, prints its ratios and writes its JSON."""
