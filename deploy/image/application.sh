#!/bin/sh
# application.sh ROOTFS: put the wheel of /dist there, as it goes into the environment of the dependencies, with the
# machine code of /compiled, compiled and with the bill of materials, every file with the same time.
set -eu
rootfs=$1

pip --python /opt/frontdesk/bin/python install --no-deps --no-compile --no-index --root "$rootfs" /dist/*.whl
cp -R /compiled/. "$(echo "$rootfs"/opt/frontdesk/lib/python3*/site-packages)"
# Who makes the edge's files needs the application among its dependencies.
cp -a "$rootfs/opt/." /opt/
mkdir -p "$rootfs/usr/local/share/sbom"
python3 /build/sbom.py whole /build/dependencies.cdx.json /dist/*.whl "$rootfs/usr/local/share/sbom/frontdesk.cdx.json"
# pip notes when and from where it installed.
rm -f "$rootfs"/opt/frontdesk/lib/python3*/site-packages/frontdesk-*/direct_url.json
python3 -m compileall -q --invalidation-mode unchecked-hash -s "$rootfs" "$rootfs/opt"
find "$rootfs" -exec touch --no-dereference --date=@1577836800 {} +
