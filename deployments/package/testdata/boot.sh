#!/bin/sh
# Makes a folder the root of its namespaces, and systemd their first process, as a container
# runtime does. /dev has what services may use, no disks.
set -e
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ip link set lo up
mkdir -p .before
pivot_root . .before
umount -l .before
mount --make-rshared / # otherwise services get no credentials
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=1 \
	/lib/systemd/systemd --log-target=console --show-status=no --unit=multi-user.target
