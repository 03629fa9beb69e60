pipeline "ci" {
  on "push" {}
  job "a" { activity "b" { script = "x" } }
}
