#!/bin/sh
# application.sh ROOTFS: put the wheel of /dist there, as it goes into the environment of the dependencies, compiled
# and with the bill of materials, every file with the same time.
set -eu
rootfs=$1

pip --python /opt/frontdesk/bin/python install --no-deps --no-compile --no-index --root "$rootfs" /dist/*.whl
# Who needs the dependencies to make the edge's files and the bill of materials needs the application among them.
cp -a "$rootfs/opt/." /opt/
mkdir -p "$rootfs/usr/local/share/sbom"
/tools/bin/python /build/sbom.py /opt/frontdesk/bin/python "$rootfs/usr/local/share/sbom/frontdesk.cdx.json"
# pip notes when and from where it installed.
rm -f "$rootfs"/opt/frontdesk/lib/python3*/site-packages/frontdesk-*/direct_url.json
python3 -m compileall -q --invalidation-mode unchecked-hash -s "$rootfs" "$rootfs/opt"
find "$rootfs" -exec touch --no-dereference --date=@1577836800 {} +
