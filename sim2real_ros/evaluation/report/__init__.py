"""Show and write what an evaluation found: a page, tables for people, lines for programs."""
