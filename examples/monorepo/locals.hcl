locals {
  images  = { go = "golang:1.26", alpine = "alpine:3.20" }
  on_main = event.branch == "main"
  quiet   = { for name in ["NO_COLOR", "CI"] : name => true }
}
