"""How fast are we, against whom? Each benchmark measures a named peer or bound in the same run."""
