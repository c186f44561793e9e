# Sourced after bridge.sh: the program as the container image runs it. shellcheck shell=bash
#
# A read-only root, user 65532, no capabilities, /tmp there but read-only, TMPDIR unset, working directory /; the one
# place that can be written is /data, which is $folder/data. The config is /etc/warroom, which is $folder/etc.
need bwrap
mkdir -p "$folder/data" "$folder/etc"

# What the shared libraries of a build that is not static need; the image has none of them.
libraries=()
for place in /lib /lib64 /usr/lib /usr/lib64; do
  if [ -L "$place" ]; then libraries+=(--symlink "$(readlink "$place")" "$place")
  elif [ -d "$place" ]; then libraries+=(--ro-bind "$place" "$place"); fi
done

# For what is started below: --setenv NAME VALUE, as often as needed.
settings=()
image() {
  bwrap --die-with-parent --unshare-user --unshare-ipc --unshare-uts --uid 65532 --gid 65532 --cap-drop ALL --clearenv \
    --setenv WARROOM_CONFIG /etc/warroom/warroom.yaml "${settings[@]}" \
    --ro-bind "$warroom" /warroom "${libraries[@]}" --ro-bind /etc/ssl/certs /etc/ssl/certs --dir /tmp \
    --ro-bind "$folder/etc" /etc/warroom --bind "$folder/data" /data --proc /proc --dev /dev --remount-ro / \
    --chdir / -- "$@"
}

# Serves $folder/etc/warroom.yaml in the image.
serve_in_image() {
  image /warroom serve 2>"$folder/bridge.log" &
  bridge_pid=$!
  pids+=("$bridge_pid")
  eventually "the bridge listens" address_in "$folder/bridge.log" server.listen
  bridge=$(address_in "$folder/bridge.log" server.listen)
  operators=$(address_in "$folder/bridge.log" server.admin)
  eventually "the bridge is ready" fetch "http://$bridge/readyz"
}

# Tells the bridge in the image to stop, and waits for a good end. Below the shell is what made the root, below that
# the bridge.
stop_image() {
  local pid=$bridge_pid
  for _ in 1 2; do pid=$(tr -d ' ' <"/proc/$pid/task/$pid/children"); done
  kill -TERM "$pid"
  wait "$bridge_pid" || fail "the bridge did not end well: exit code $?"
}
