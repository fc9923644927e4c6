"""What is imported when: `--help` is quick, and the runtime half has no torch in it."""

import subprocess
import sys

HEAVY = {"numba", "onnxruntime", "pyvips", "torch", "gradio", "celery", "numpy"}

RUNTIME = """
import importlib, pkgutil, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'gradio', 'celery', 'redis', 'onnx', 'skimage', 'PIL'):
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
import core
for module in pkgutil.walk_packages(core.__path__, 'core.'):
    if not module.name.startswith('core.learn'):
        importlib.import_module(module.name)
"""


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nfrom core.commands.main import photochrom\n"
        "photochrom.main(['--help'], standalone_mode=False)\n"
        f"print('heavy:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "heavy: []", answer.stdout + answer.stderr


def test_no_module_of_the_runtime_half_imports_torch_gradio_or_celery():
    answer = subprocess.run([sys.executable, "-c", RUNTIME], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
