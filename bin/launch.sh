# Sourced by the launchers beside it: picks the Node that npm ci brought, else the one in PATH when it is new enough,
# and runs one main file: of src/ in a checkout, of dist/ in a built package.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

find_node() {
  node="$root/node_modules/node/bin/node"
  [ -x "$node" ] && return
  node=$(command -v node) && [ "$("$node" -p 'parseInt(process.versions.node) >= 24' 2>/dev/null)" = true ] && return
  echo "${0##*/}: needs Node 24 or newer, and there is none: run npm ci in $root" >&2
  exit 69
}

launch() {
  find_node
  main="$root/src/$1.ts"
  [ -d "$root/src" ] || main="$root/dist/$1.js"
  shift
  if [ -z "$NODE_COMPILE_CACHE" ]; then
    # Saves stripping the types again in every process.
    NODE_COMPILE_CACHE="$root/node_modules/.cache/mailfarm"
    mkdir -p "$NODE_COMPILE_CACHE" 2>/dev/null
    [ -w "$NODE_COMPILE_CACHE" ] || NODE_COMPILE_CACHE="$root/var/run/cache"
    export NODE_COMPILE_CACHE
  fi
  exec "$node" --disable-warning=ExperimentalWarning "$main" "$@"
}
