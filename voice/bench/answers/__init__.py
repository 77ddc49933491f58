"""The answers benchmark: whole conversations that can be checked, by who answers them."""
