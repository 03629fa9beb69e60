# event: manual
# pipeline: ci
# input: replicas=many
# input: place=mars
# input: plcae=x
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
