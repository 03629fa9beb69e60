locals { tag = "3.20" }
pipeline "two" {
  on "push" {}
  job "a" {
    image = local.image
    activity "x" { script = "true" }
  }
}
