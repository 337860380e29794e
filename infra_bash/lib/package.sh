# shellcheck shell=bash
# The functions' code and their layer. Building the layer takes a while: this is done only where AWS does not have it, and
# it is kept in build/ under a name that is a hash of its recipe.

# build_packages: write what know_packages reads to $WORK/packages.
build_packages() {
  local code name arn
  python ops.package.build code "$WORK" >"$WORK/packages"
  { read -r code && read -r _ && read -r name; } <"$WORK/packages"
  arn=$(find_layer "$PROJECT-$STAGE-libraries" "$name")
  [[ $arn != None ]] || arn=''
  printf '%s\n' "$arn" >>"$WORK/packages"
  [[ $DRY_RUN == yes || -n $arn ]] ||
    with_news "the layer's libraries" built_size python ops.package.build layer "$ROOT/build" "$code"
}

# built_size: print how much of the layer is there.
built_size() {
  du -sm "$ROOT/build" | awk '{ print $1 " MB in build/" }'
}

# know_packages: set CODE_ZIP, LAYER_ZIP, CODE_SHA256, and LAYER_ARN, which is empty when AWS has no such layer.
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

# layer_to_upload: print its path. A dry run builds none and uses an empty file of its name.
layer_to_upload() {
  local place=$LAYER_ZIP
  if [[ $DRY_RUN == yes ]]; then
    place=$WORK/$(basename "$LAYER_ZIP")
    : >"$place"
  fi
  printf '%s' "$place"
}
