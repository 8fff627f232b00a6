# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""main.py FILE FUNCTION: one test, in a process of its own. Status 77: skipped, see stdout."""
import faulthandler
import importlib.util
import sys
import traceback

from memtide import Skip


def load(path):
    spec = importlib.util.spec_from_file_location("test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    faulthandler.enable()
    path, function = sys.argv[1:]
    try:
        getattr(load(path), function)()
    except Skip as reason:
        print(reason)
        return 77
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
