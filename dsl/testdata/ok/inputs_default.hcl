# event: manual branch main
# pipeline: ci
# input: must=a b
# input: replicas=3.5
pipeline "ci" {
  on "manual" {}
  input "replicas" { type = number }
  input "place" {
    default = "dev"
    choices = ["dev", "prod"]
  }
  input "must" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      command = ["echo", input.place, "${input.replicas}", input.must]
    }
  }
}
