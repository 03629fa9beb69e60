# An activity in draft: a warning, and a plan.
pipeline "ci" {
  on "push" {}
  job "draft" {
    image = "debian:12"
    activity "later" { script = "" }
  }
}
