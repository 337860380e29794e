# shellcheck shell=bash
# The functions' code and their layer. The layer takes long to build, so it is built only if AWS does not have it. It is
# kept in build/ under a name that is a hash of its recipe.

# build_packages: build the code, and the layer if AWS does not have it; write $WORK/packages for read_packages.
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
  du -sm "$ROOT/build" | awk '{ print ", " $1 " MB in build/" }'
}

# read_packages: set CODE_ZIP, LAYER_ZIP, CODE_SHA256, and LAYER_ARN, which is empty when AWS has no such layer.
read_packages() {
  { read -r CODE_ZIP && read -r CODE_SHA256 && read -r LAYER_ZIP && read -r LAYER_ARN; } <"$WORK/packages"
  LAYER_ZIP=$ROOT/build/$LAYER_ZIP
  CODE_KEY=deploy/$(basename "$CODE_ZIP")
  export CODE_KEY
  printf '%s\n' "$CODE_SHA256" >"$STATE/code.sha256"
}

# ensure_packages: upload the packages and publish the layer.
ensure_packages() {
  local -a packages
  read_packages
  packages=("$CODE_ZIP")
  if [[ -z $LAYER_ARN ]]; then
    packages+=("$(layer_to_upload)")
  fi
  upload "${packages[@]}"
  ensure_layer "$(basename "$LAYER_ZIP")"
}

# layer_to_upload: print its path. A dry run does not build it and uses an empty file of its name.
layer_to_upload() {
  local path=$LAYER_ZIP
  if [[ $DRY_RUN == yes ]]; then
    path=$WORK/$(basename "$LAYER_ZIP")
    : >"$path"
  fi
  printf '%s' "$path"
}
