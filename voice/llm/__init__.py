"""What to answer: the edge model on llama.cpp."""
