locals {
  x = "${1e10000000}"
}
