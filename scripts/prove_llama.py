"""Prove that this build of llama.cpp runs on this processor: one real decode of the GGUF given. Exit code 0 when it does."""

import math
import sys

import llama_cpp

TOKENS = 36

model = llama_cpp.Llama(sys.argv[1], n_ctx=128, n_batch=128, logits_all=False, verbose=False)
prompt = model.tokenize(b"The capital of France is the city of Paris, and the capital of Italy is the city of Rome. " * 3)[
    :TOKENS
]
model.eval(prompt)  # the matrix kernels
best = model.sample(temp=0.0)
model.eval([best])  # the vector kernels
if not math.isfinite(llama_cpp.llama_get_logits_ith(model.ctx, -1)[best]):
    raise SystemExit("the decode gave values that are not numbers")
