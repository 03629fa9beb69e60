# changed: docs/a.md
pipeline "ci" {
  on "push" {}
  job "a" {
    when  = changed("src/**")
    image = "alpine:3.20"
    activity "x" { script = file("scripts/build.sh") }
  }
  job "b" {
    image = "golang:${trimspace(file("VERSION"))}"
    env   = { SUM = substr(hash_files("scripts/*"), 0, 8), LEVEL = jsondecode(file("a.json")).level }
    activity "x" { script = file("scripts/build.sh") }
  }
}
