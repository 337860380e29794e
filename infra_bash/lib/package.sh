# shellcheck shell=bash
# What the functions run on. The layer takes a while, so it is kept in build/, under a name made from its recipe.

# build_packages: leaves where code and layer are in $WORK/packages.
build_packages() {
  python infra_bash.lib.package "$WORK" "$ROOT/build" >"$WORK/packages"
}

# know_packages: CODE_ZIP, LAYER_ZIP and what AWS calls the code's hash.
know_packages() {
  { read -r CODE_ZIP && read -r CODE_SHA256 && read -r LAYER_ZIP; } <"$WORK/packages"
  CODE_KEY=deploy/$(basename "$CODE_ZIP")
  export CODE_KEY
  printf '%s\n' "$CODE_SHA256" >"$STATE/code.sha256"
}

ensure_packages() {
  know_packages
  upload "$CODE_ZIP" "$LAYER_ZIP"
  ensure_layer "$(basename "$LAYER_ZIP")"
}
