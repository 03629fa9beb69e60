locals { image = "alpine:${local.tag}" }
pipeline "one" {
  on "push" {}
  job "a" {
    image = local.image
    activity "x" { script = "true" }
  }
}
