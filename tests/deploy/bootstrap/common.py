"""What the parts of bootstrap.py share: where things lie, how a claim fails, how programs are run."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "configs" / "deploy"
TOOLS = ROOT / "target" / "bootstrap-tools"


class Wrong(Exception):
    """Something is not as it should be."""


class NotRun(Exception):
    """Something that a part needs is not there: never a success."""


def hold(claim, message):
    """Fails with the message where the claim does not hold."""
    if not claim:
        raise Wrong(message)


def noticed(what, part, *arguments):
    """Runs a part that has to fail, since what it looks at was broken on purpose: a test that can't fail proves nothing."""
    try:
        part(*arguments)
    except Wrong:
        return
    raise Wrong(f"nobody noticed that {what}")


def run(*command, env=None, **more):
    """Runs a program, and gives its exit status and all it said. `env` is added to an empty environment."""
    given = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    command = [str(word) for word in command]
    text = more.pop("input", None)
    child = subprocess.Popen(
        command,
        env={**given, **(env or {})},
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **more,
    )
    try:
        said = child.communicate(text, timeout=300)[0]
    except BaseException:
        # It tidies up by itself where it gets the time.
        child.terminate()
        try:
            child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
        raise
    return child.returncode, said


def tool(package, file):
    """A program that bootstrap-tools unpacked."""
    path = TOOLS / package / file
    if not path.exists():
        raise NotRun(f"{path} is missing: run tests/deploy/bootstrap-tools")
    return path


def script(path, text):
    """Writes a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
