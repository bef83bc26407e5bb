# Sourced by the launchers beside it: picks the Node that npm ci brought, else the one in PATH when it is new enough,
# and runs one main file: of src/ in a checkout, of dist/ in a built package.
#
# /etc/default/mailfarm may say where the farm of this machine has its folders, a line each: MAILFARM_ETC=/etc/mailfarm,
# MAILFARM_VAR=/var/lib/mailfarm. So everybody's commands find it. Options and the environment go before it.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

find_node() {
  node="$root/node_modules/node/bin/node"
  [ -x "$node" ] && return
  node=$(command -v node) && [ "$("$node" -p 'parseInt(process.versions.node) >= 24' 2>/dev/null)" = true ] && return
  echo "${0##*/}: needs Node 24 or newer, and there is none: run npm ci in $root" >&2
  exit 69
}

# Read, not sourced: no line of it is run. MAILFARM_DEFAULTS is another file, or empty for none.
read_places() {
  places=${MAILFARM_DEFAULTS-/etc/default/mailfarm}
  [ -f "$places" ] && [ -r "$places" ] || return 0
  # As a shell or systemd would take it: blanks around it and `export` are no part of it.
  lines=$(tr -d '\r' <"$places" | sed 's/^[[:blank:]]*\(export[[:blank:]][[:blank:]]*\)*//; s/[[:blank:]]*$//')
  while IFS='=' read -r name value || [ -n "$name" ]; do
    value=${value#[\"\']}
    value=${value%[\"\']}
    case $name in
      MAILFARM_ETC) export MAILFARM_ETC="${MAILFARM_ETC:-$value}" ;;
      MAILFARM_VAR) export MAILFARM_VAR="${MAILFARM_VAR:-$value}" ;;
    esac
  done <<EOF
$lines
EOF
}

launch() {
  find_node
  read_places
  main="$root/src/$1.ts"
  [ -d "$root/src" ] || main="$root/dist/$1.js"
  shift
  if [ -z "$NODE_COMPILE_CACHE" ]; then
    # Saves stripping the types again in every process.
    NODE_COMPILE_CACHE="$root/node_modules/.cache/mailfarm"
    mkdir -p "$NODE_COMPILE_CACHE" 2>/dev/null
    if [ -w "$NODE_COMPILE_CACHE" ]; then
      export NODE_COMPILE_CACHE
    elif [ "$(id -u)" != 0 ]; then
      export NODE_COMPILE_CACHE="${MAILFARM_VAR:-$root/var}/run/cache"
    else
      # Root must not run what others may write.
      unset NODE_COMPILE_CACHE
    fi
  fi
  exec "$node" --disable-warning=ExperimentalWarning "$main" "$@"
}
