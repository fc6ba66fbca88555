#!/bin/sh
# Installs the Debian packages named, those that are missing, as root or through sudo. Their services are not started: the suite
# starts private servers of its own.
set -eu
missing=
for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "please install what matches these Debian packages:$missing" >&2
    exit 1
fi
run=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "please install as root: apt-get install$missing" >&2
        exit 1
    fi
    run=sudo
fi
echo "installing:$missing"
$run apt-get update -qq
# Debian would start the servers; they are of no use to us and might take ports.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $run tee $policy >/dev/null
    $run chmod +x $policy
    made=yes
fi
status=0
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $run apt-get install --yes -qq --no-install-recommends $missing >/dev/null || status=$?
[ -z "$made" ] || $run rm -f $policy
exit $status
