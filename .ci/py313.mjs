// Runs `compile` or one test file of the tree above in CPython 3.13 (pyodide). Usage: node py313.mjs PLACE compile|FILE
import { createRequire } from "node:module";
import path from "node:path";

const [place, what] = process.argv.slice(2);
const home = path.resolve(place, "node_modules/pyodide");
const { loadPyodide } = createRequire(import.meta.url)(path.join(home, "pyodide.js"));
const python = await loadPyodide({ indexURL: home + "/" });
for (const [root, at] of [[process.cwd(), "/repo"], [path.resolve(place, "site"), "/site"]]) {
  python.FS.mkdirTree(at);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, at);
}
const code = python.runPython(`
import os, pathlib, sys, warnings
os.chdir("/repo")
sys.path[:0] = ["/repo", "/site"]
sys.dont_write_bytecode = True
assert sys.version_info[:2] == (3, 13), sys.version
what = ${JSON.stringify(what)}
if what == "compile":
    warnings.simplefilter("error")
    files = sorted(p for room in ("gateway", "tests") for p in pathlib.Path(room).rglob("*.py"))
    for path in files:
        compile(path.read_bytes(), str(path), "exec")
    print(f"{len(files)} files compile without a warning on {sys.version.split()[0]} ({sys.platform})")
    code = 0
else:
    import pytest
    code = int(pytest.main(["-p", "no:cacheprovider", "-o", "timeout=0", what]))
code
`);
process.exit(Number(code));
