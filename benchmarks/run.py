"""All benchmarks, one after the other, each in a process of its own, with the machine's load beside each."""

import os
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run every bench_*.py of this folder; fails when one of them does."""
    failed = []
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"-- {script.stem}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            failed.append(script.stem)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
