pipeline "ci" {
  on "push" {}
  job "a" {
    activity "x" { script = "true" }
  }
}
