"""What a Python program has to import before it can train."""
import subprocess
import sys
import time

from protocol import serve


def run(_case):
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch, transformers, peft"], check=True)
    return {"seconds": time.perf_counter() - began, "work": 1}


serve(lambda args: (f"python {sys.version.split()[0]}", run))
