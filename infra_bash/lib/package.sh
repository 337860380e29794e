# shellcheck shell=bash
# What the functions run on. The layer takes a while: it is built only where AWS does not have it, and kept in build/,
# under a name made from its recipe.

# build_packages: leaves what know_packages reads in $WORK/packages.
build_packages() {
  local code name arn
  python ops.package.build code "$WORK" >"$WORK/packages"
  { read -r code && read -r _ && read -r name; } <"$WORK/packages"
  arn=$(find_layer "$PROJECT-$STAGE-libraries" "$name")
  [[ $arn != None ]] || arn=''
  printf '%s\n' "$arn" >>"$WORK/packages"
  [[ $DRY_RUN == yes || -n $arn ]] || python ops.package.build layer "$ROOT/build" "$code"
}

# know_packages: CODE_ZIP, LAYER_ZIP, what AWS calls the code's hash, and LAYER_ARN, empty when AWS has no such layer.
know_packages() {
  { read -r CODE_ZIP && read -r CODE_SHA256 && read -r LAYER_ZIP && read -r LAYER_ARN; } <"$WORK/packages"
  LAYER_ZIP=$ROOT/build/$LAYER_ZIP
  CODE_KEY=deploy/$(basename "$CODE_ZIP")
  export CODE_KEY
  printf '%s\n' "$CODE_SHA256" >"$STATE/code.sha256"
}

ensure_packages() {
  local -a packages
  know_packages
  packages=("$CODE_ZIP")
  if [[ -z $LAYER_ARN ]]; then
    packages+=("$(layer_to_upload)")
  fi
  upload "${packages[@]}"
  ensure_layer "$(basename "$LAYER_ZIP")"
}

# layer_to_upload: where it is; a dry run, which builds none, only says its name.
layer_to_upload() {
  local place=$LAYER_ZIP
  if [[ $DRY_RUN == yes ]]; then
    place=$WORK/$(basename "$LAYER_ZIP")
    : >"$place"
  fi
  printf '%s' "$place"
}
