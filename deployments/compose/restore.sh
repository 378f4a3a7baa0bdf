#!/bin/sh
# Replaces Redis's data by the snapshot from standard input. The former data stays beside it as
# appendonlydir.before. The service restore of docker-compose.yml runs it, in /data.
#
# Redis 7 reads only its append-only files, whose base is a snapshot. So a base alone is complete
# data, and Redis never runs without its file.
set -eu

if redis-cli -s redis.sock ping >/dev/null 2>&1; then
	echo "restore: Redis runs; stop it first, with what uses it: docker compose stop worker web redis" >&2
	exit 1
fi
rm -rf restored
mkdir restored
cat >restored/appendonly.aof.1.base.rdb
echo "file appendonly.aof.1.base.rdb seq 1 type b" >restored/appendonly.aof.manifest
if ! report=$([ "$(head -c 5 restored/appendonly.aof.1.base.rdb)" = REDIS ] && redis-check-aof restored/appendonly.aof.manifest 2>&1); then
	echo "$report" >&2
	echo "restore: that is no whole snapshot; Redis's data is as it was" >&2
	rm -r restored
	exit 1
fi
sync
if [ -d appendonlydir ]; then
	rm -rf appendonlydir.before
	mv appendonlydir appendonlydir.before
fi
mv restored appendonlydir
echo "restore: done; start Redis with: docker compose up -d redis"
