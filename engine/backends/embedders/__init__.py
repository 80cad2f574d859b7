"""One module per back end, named as in the study file."""
