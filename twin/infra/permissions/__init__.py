"""Who may do what on AWS: one table of roles, the policies made from it, and the proof by calls that were seen."""
