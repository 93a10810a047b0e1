"""The laws of the house: arrows point down, heavy imports stay where they belong, files are small.

The checks are functions from source text to complaints, so they are themselves tested below.
"""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

from tfapps import registry
from tfapps.tasks.base import Task

PACKAGE = Path(__file__).parent.parent / "tfapps"
MODULES = sorted(PACKAGE.rglob("*.py"))
TOOLS = sorted((PACKAGE.parent / "tools").rglob("*.py"))  # not in the wheel
# What is no package: everyone may import it, and it imports nothing but its like.
GROUND = {"errors", "extras", "keras_backend", "printable", "registry", "saved_layers", "version"}
# From the bottom up. A part imports those of lower lines only, never one beside it.
LINES = [
    {"config", "bundle", "processes", "samples"},
    {"features", "text", "layers", "metrics", "decoding", "graph", "presets"},
    {"models", "tasks", "tuning", "data", "backends"},
    {"assembly", "forms", "starting"},
    {"train", "compress", "export", "verify", "explain", "ensembles", "search"},
    {"runs", "serve", "edge"},
    {"stages"},
    {"cli", "apps", "api"},
]
LINE_OF = {
    part: number for number, line in enumerate([GROUND, *LINES, {"__main__"}]) for part in line
}
TENSORFLOW = {"tensorflow", "tf_keras", "tensorflow_model_optimization", "tensorflow_datasets"}
TENSORFLOW_PARTS = {"data", "train", "compress", "export", "verify", "explain"}
TENSORFLOW_MODULES = {
    f"tfapps.{name}"
    for name in (
        "backends.keras",
        "backends.saved_model",
        "forms.parts.greedy_graph",
        "forms.parts.tags_graph",
    )
}
HEAVY = {*TENSORFLOW, "keras", "keras_hub", "sklearn", "matplotlib", "jax", "torch", "optuna"}
CONTRACTS = {*registry.KINDS}
TASK = {*dir(Task), *Task.__annotations__}
LOADERS = ("registry.load", "registry.plugin")
PLUGINS = {"task", "module", "kind", "tuner"} | {
    kind.capitalize() for kind in CONTRACTS
}  # how variables that hold plug-ins of these kinds are called
PLUGIN_FOLDERS = {package.removeprefix("tfapps.") for package in registry.KINDS.values()}


def imports(tree, package):
    """Every absolute module name an import statement asks for, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


def part_of(module):
    names = module.split(".")
    return names[1] if names[0] == "tfapps" and len(names) > 1 else None


def arrows(source, module):
    """Complaints about imports that point up or sideways."""
    part = part_of(module)
    if part is None:
        return []
    if part not in LINE_OF:
        return [f"{module}: {part} is on no line of the house"]
    package = module.rpartition(".")[0]
    wrong = []
    for name, line in imports(ast.parse(source), package):
        other = part_of(name)
        if other is None and name.split(".")[0] not in ("tfapps", "tools"):
            continue
        if other != part and not {part, other} <= GROUND and not _below(other, part):
            wrong.append(f"{module}:{line} imports {name}")
    return wrong


def private(source, module):
    """Complaints about a name with an underscore that another folder imports."""
    folder = module.rpartition(".")[0]
    wrong = []
    for name, line in imports(ast.parse(source), folder):
        home, _, rest = name.partition("._")
        if rest and home.startswith("tfapps") and home != folder:
            wrong.append(f"{module}:{line} imports {name}")
    return wrong


def circles(sources):
    """Groups of modules that import each other, late imports and those for types included.

    Args:
        sources: name of every module -> its text.
    """
    arrows_of = {}
    for module, source in sources.items():
        names = {name for name, _ in imports(ast.parse(source), module.rpartition(".")[0])}
        # `from a import b` is of the module a.b, or of a name in the module a.
        expected = {name if name in sources else name.rpartition(".")[0] for name in names}
        arrows_of[module] = {name for name in expected if name in sources and name != module}
    # What imports nothing that is left, or is imported by nothing that is left, is in no circle.
    while True:
        targets = set().union(*arrows_of.values())
        ends = {m for m, others in arrows_of.items() if not others or m not in targets}
        if not ends:
            return sorted(arrows_of)
        arrows_of = {m: others - ends for m, others in arrows_of.items() if m not in ends}


def _below(other, part):
    return LINE_OF.get(other, len(LINE_OF)) < LINE_OF[part]


def tensorflow(source, module):
    """Complaints about TensorFlow where only Keras belongs, and about tf.keras anywhere."""
    allowed = part_of(module) in TENSORFLOW_PARTS or module in TENSORFLOW_MODULES
    tree = ast.parse(source)
    wrong = []
    for name, line in imports(tree, module.rpartition(".")[0]):
        if name.startswith("tensorflow.keras") or (
            name.split(".")[0] in TENSORFLOW and not allowed
        ):
            wrong.append(f"{module}:{line} imports {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "keras":
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in ("tf", "tensorflow"):
                wrong.append(f"{module}:{node.lineno} uses {owner}.keras")
    return wrong


def eager(source, module):
    """Complaints about heavy imports that run when the module is imported."""
    wrong = []
    waiting = list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            actual = imports(ast.Module([node], []), module.rpartition(".")[0])
            wrong += [
                f"{module}:{line} imports {name} at the top"
                for name, line in actual
                if name.split(".")[0] in HEAVY
            ]
        waiting.extend(ast.iter_child_nodes(node))
    return wrong


def asked(source, module):
    """Complaints about hasattr, getattr and registry.optional with a fixed name on a plug-in.

    The contract of its kind has a default for everything that is asked of a plug-in.
    """
    tree = ast.parse(source)
    loaded = {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _loads(node.value)
        for target in node.targets
    }
    wrong = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and len(node.args) > 1):
            continue
        function, owner, name = ast.unparse(node.func), *node.args[:2]
        if function not in ("hasattr", "getattr", "registry.optional"):
            continue
        if not isinstance(name, ast.Constant):
            continue
        last = ast.unparse(owner).rpartition(".")[2].lstrip("_")
        if last in PLUGINS or ast.unparse(owner) in loaded or _loads(owner):
            wrong.append(f"{module}:{node.lineno} asks whether a plug-in has {name.value}")
    return wrong


def _loads(node):
    """Whether an expression is a plug-in of a kind that has a contract, or comes from one."""
    while True:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in LOADERS:
            return isinstance(node.args[0], ast.Constant) and node.args[0].value in CONTRACTS
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return False


def strange(source, module):
    """Complaints about members of a task that its contract does not have."""
    return [
        f"{module}:{node.lineno} uses {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in ("task", "prepared.task", "self.prepared.task", "self._task")
        and node.attr not in {*TASK, "name", "Task"}  # sections and modules are called task as well
    ]


def kinds(source, module):
    """Complaints about a module that asks a task which kind of model it has.

    It may load the form, whose hooks and attributes say what there is to know.
    """
    tree = ast.parse(source)
    loads = [
        node.args[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _loads(node) and len(node.args) == 2
    ]
    return [
        f"{module}:{node.lineno} asks for {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "form"
        and ast.unparse(node.value).rpartition(".")[2].lstrip("_").lower() == "task"
        and node not in loads
    ]


def heirs(source, module, name):
    """Public classes of a module whose base class has this name."""
    return [
        f"{module}.{node.name}"
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
        and name in [ast.unparse(parent).rpartition(".")[2] for parent in node.bases]
    ]


def sizes(source, module):
    """Complaints about files of 300 lines and functions of more than 50."""
    wrong = []
    length = len(source.splitlines())
    if length >= 300:
        wrong.append(f"{module} has {length} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > 50:
                wrong.append(f"{module}.{node.name} has {lines} lines")
    return wrong


def name_of(path):
    names = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def is_plugin(path):
    folder = path.parent.relative_to(PACKAGE).as_posix().replace("/", ".")
    return folder in PLUGIN_FOLDERS and registry.is_plugin(path.stem)


def check_all(check, paths):
    # A package's __init__ stands for one more level than its name shows.
    return [
        complaint
        for path in paths
        for complaint in check(
            path.read_text(encoding="utf-8"),
            name_of(path) + (".__init__" if path.name == "__init__.py" else ""),
        )
    ]


def test_arrows_point_down():
    paths = [path for path in MODULES if path != PACKAGE / "__init__.py"]
    assert check_all(arrows, paths) == []


def test_an_underscore_means_private_to_a_folder():
    assert check_all(private, MODULES) == []


def test_no_module_imports_itself_in_a_circle():
    sources = {name_of(path): path.read_text(encoding="utf-8") for path in MODULES}
    assert circles(sources) == []


def test_tensorflow_stays_where_it_belongs():
    assert check_all(tensorflow, MODULES) == []


def test_plugins_are_import_light():
    assert check_all(eager, filter(is_plugin, MODULES)) == []


def test_files_and_functions_are_small():
    assert check_all(sizes, MODULES + TOOLS) == []


def test_nothing_asks_whether_a_plugin_has_something():
    assert check_all(asked, MODULES) == []


def test_tasks_are_asked_for_nothing_beside_their_contract():
    paths = [path for path in MODULES if path.parent.name != "tasks"]
    assert check_all(strange, paths) == []


def test_only_forms_know_what_kind_a_model_is():
    paths = [path for path in MODULES if path.parent != PACKAGE / "forms"]
    assert check_all(kinds, paths) == []


def test_every_runtime_and_every_kind_of_model_is_one_class():
    runtimes = check_all(functools.partial(heirs, name="Backend"), MODULES)
    assert runtimes == [
        "tfapps.backends.keras.Keras",
        "tfapps.backends.litert.LiteRT",
        "tfapps.backends.saved_model.SavedModel",
    ]
    forms = check_all(functools.partial(heirs, name="Form"), MODULES)
    assert forms == [f"tfapps.forms.{name}.Form" for name in registry.names("form")]


def test_packages_import_nothing():
    # But for the first: whatever is imported, it chooses the backend of Keras before.
    inits = [path for path in MODULES if path.name == "__init__.py"]
    inits.remove(PACKAGE / "__init__.py")
    bodies = {path: ast.parse(path.read_text(encoding="utf-8")).body for path in inits}
    assert [path for path, body in bodies.items() if len(body) != 1] == []
    assert all(isinstance(body[0].value, ast.Constant) for body in bodies.values())


BLOCK = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {sorted(HEAVY)!r}:
            raise ImportError("heavy: " + name)
sys.meta_path.insert(0, Block())
"""


def run(script):
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_config_registry_and_bundle_import_nothing_heavy():
    light = "tfapps.config.load, tfapps.registry, tfapps.bundle.bundle"
    script = f"import sys, {light}; print(*sys.modules)"
    loaded = {name.split(".")[0] for name in run(script).split()}
    assert "pydantic" in loaded
    assert loaded & (HEAVY | {"numpy"}) == set()


def test_every_plugin_loads_without_keras():
    # Also what the plug-ins import in turn; the check of the source text sees one file only.
    script = BLOCK + (
        "from tfapps import registry\n"
        "for kind in registry.KINDS:\n"
        "    for name in registry.names(kind):\n"
        "        try: registry.load(kind, name)\n"
        "        except ImportError as error: print(kind, name, error)\n"
    )
    assert run(script) == ""


# The checks themselves


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tfapps.models.bert", "from tfapps.tasks import tagging"),
        ("tfapps.models.bert", "from tfapps import tasks"),
        ("tfapps.models.bert", "import tfapps.train.loop"),
        ("tfapps.models.bert", "def f():\n    from tfapps.data.pipeline import Batches"),
        ("tfapps.models.bert", "from ..tasks import tagging"),
        ("tfapps.data.sources.tsv", "from ...tasks.tagging import Task"),
        ("tfapps.layers.crf", "from tfapps.metrics import f1"),
        ("tfapps.errors", "from tfapps import config"),
        ("tfapps.registry", "import tfapps.config"),
        ("tfapps.bundle", "from tfapps.config import load"),
        ("tfapps.config", "import tfapps"),
        ("tfapps.stages", "from tfapps.cli import main"),
        ("tfapps.serve.http", "from tfapps.nowhere import x"),
        ("tfapps.nowhere", ""),
        ("tfapps.data.sources.sample", "from tools.samples import build"),
        ("tfapps.models.bert", "from tfapps.assembly.assemble import assemble"),
        ("tfapps.assembly.assemble", "from tfapps.serve import predictor"),
        ("tfapps.tasks.__init__", "from . import tagging\nfrom tfapps.models import bert"),
    ],
)
def test_a_wrong_arrow_is_found(module, source):
    assert len(arrows(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "tfapps.models.bert",
            "from tfapps.config import load\nfrom tfapps.layers import gelu",
        ),
        ("tfapps.models.bert", "import keras\nfrom tfapps.models import _encoder"),
        ("tfapps.models.bert", "from . import _encoder\nfrom ..layers.gelu import Gelu"),
        ("tfapps.config", "from tfapps import registry, errors"),
        ("tfapps.serve.predictor", "from tfapps.assembly.assemble import assemble"),
        ("tfapps.cli.main", "from tfapps import stages\nfrom tfapps.cli import run"),
        ("tfapps.__main__", "from tfapps.cli.main import main"),
    ],
)
def test_a_right_arrow_passes(module, source):
    assert arrows(source, module) == []


@pytest.mark.parametrize(
    ("module", "source", "count"),
    [
        ("tfapps.stages.export", "from tfapps.export import _module", 1),
        ("tfapps.stages.export", "def f():\n    from tfapps.export._module import whole", 1),
        ("tfapps.stages.export", "from tfapps.export.parts.module import _whole", 1),
        ("tfapps.data.files", "from tfapps.data.sources import _kinds", 1),
        ("tfapps.export.litert", "from tfapps.export import _module, saved_model", 0),
        ("tfapps.export.litert", "from tfapps.export._module import whole, _part", 0),
    ],
)
def test_private_modules_are_those_of_other_folders(module, source, count):
    assert len(private(source, module)) == count


def test_a_circle_is_found():
    sources = {
        "tfapps.a": "from tfapps import b",
        "tfapps.b": "def f():\n    from tfapps.c import g",
        "tfapps.c": "if TYPE_CHECKING:\n    from tfapps.a import A",
        "tfapps.d": "from tfapps.a import A\nfrom tfapps import e",
        "tfapps.e": "",
    }
    assert circles(sources) == ["tfapps.a", "tfapps.b", "tfapps.c"]
    assert circles({**sources, "tfapps.c": ""}) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tfapps.models.bert", "import tensorflow as tf"),
        ("tfapps.tasks.tagging", "def f():\n    from tensorflow.lite import x"),
        ("tfapps.backends.litert", "import tensorflow"),
        ("tfapps.serve.predictor", "import tf_keras"),
        ("tfapps.train.loop", "from tensorflow import keras"),
        ("tfapps.train.loop", "import tensorflow as tf\ntf.keras.layers.Dense(1)"),
    ],
)
def test_misplaced_tensorflow_is_found(module, source):
    assert len(tensorflow(source, module)) == 1


@pytest.mark.parametrize("module", ["tfapps.train.loop", "tfapps.backends.saved_model"])
def test_tensorflow_passes_where_it_belongs(module):
    assert tensorflow("import tensorflow as tf\nimport keras\ntf.nest", module) == []


@pytest.mark.parametrize(
    "source",
    [
        "import keras",
        "from keras import ops",
        "import sklearn.metrics as m",
        "try:\n    import tensorflow\nexcept ImportError:\n    pass",
        "class A:\n    import matplotlib.pyplot",
    ],
)
def test_a_heavy_import_at_the_top_is_found(source):
    assert len(eager(source, "tfapps.models.bert")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import numpy\nfrom tfapps.config import Section",
        "def f():\n    import keras",
        "class A:\n    def f(self):\n        from keras import ops",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import keras",
    ],
)
def test_a_light_plugin_passes(source):
    assert eager(source, "tfapps.models.bert") == []


@pytest.mark.parametrize(
    "source",
    [
        'hasattr(task, "cut")',
        'getattr(self._task, "cut", None)',
        'getattr(prepared.task, "cut", None)()',
        'hasattr(module.Task, "cut")',
        'registry.optional(task, "ready", False)',
        'hasattr(registry.load("task", name), "cut")',
        'hasattr(registry.load("task", name).Task, "cut")',
        'one = registry.load("task", name)\ngetattr(one, "cut", 1)',
        'one = registry.load("task", name).Task.load(a, b)\nhasattr(one, "cut")',
    ],
)
def test_a_question_to_a_plugin_is_found(source):
    assert len(asked(source, "m")) == 1


@pytest.mark.parametrize(
    "source",
    [
        'hasattr(stream, "isatty")',
        "getattr(task, name)",
        'task.expand(rows)\ngetattr(self, "task")',
        'one = registry.names("task")\nhasattr(one, "cut")',
    ],
)
def test_other_questions_pass(source):
    assert asked(source, "m") == []


def test_a_member_outside_the_contract_is_found():
    assert strange("prepared.task.decisions(rows)", "m") == ["m:1 uses prepared.task.decisions"]
    assert strange("task.decide(rows)\nrow.decisions\ntask.Task.needs", "m") == []


@pytest.mark.parametrize(
    "source",
    [
        'if task.form == "seq2seq": pass',
        'prepared.task.form in ("single",)',
        'match self._task.form:\n    case "single": pass',
        "runners[module.Task.form](rows)",
        "form = task.form",
    ],
)
def test_a_question_for_the_kind_of_model_is_found(source):
    assert len(kinds(source, "m")) == 1


def test_a_form_may_be_loaded():
    source = 'registry.plugin("form", task.form).searches\nconfig.form == "pfeiffer"'
    assert kinds(source, "m") == []


def test_heirs_are_found():
    source = "class A(base.Form): pass\nclass B(Form, C): pass\nclass Form(ABC): pass"
    assert heirs(source, "m", "Form") == ["m.A", "m.B"]


def test_big_files_and_functions_are_found():
    body = "    x = 1\n"
    assert sizes("def f():\n" + body * 49, "m") == []
    assert sizes("def f():\n" + body * 50, "m") == ["m.f has 51 lines"]
    assert sizes("x = 1\n" * 299, "m") == []
    assert sizes("x = 1\n" * 300, "m") == ["m has 300 lines"]


def test_plugin_files_are_distinguished_from_helpers():
    assert is_plugin(PACKAGE / "models" / "bert.py")
    assert is_plugin(PACKAGE / "data" / "sources" / "tsv.py")
    assert not is_plugin(PACKAGE / "models" / "_encoder.py")
    assert not is_plugin(PACKAGE / "tasks" / "base.py")
    assert not is_plugin(PACKAGE / "data" / "pipeline.py")
