"""The other end of package bench/contest: one request a line on standard input, one answer a line."""
import json
import os
import sys


def serve(prepare):
    """prepare(args) loads everything and returns (versions, run); run(case) returns an answer."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not get between the answers
    versions, run = prepare(json.loads(sys.argv[1]))
    answers.write(json.dumps({"versions": versions}) + "\n")
    for line in sys.stdin:
        try:
            answer = run(json.loads(line)["case"])
        except Exception as e:  # the harness says which case it was
            answer = {"error": f"{type(e).__name__}: {e}"}
        answers.write(json.dumps(answer) + "\n")


def torch_versions(*more):
    """The versions of torch and of the modules in more, and the threads that torch uses."""
    import torch

    names = [f"torch {torch.__version__}"] + [f"{m.__name__} {m.__version__}" for m in more]
    return ", ".join(names) + f", {torch.backends.cpu.get_cpu_capability()}"
