pipeline "ci" {
  on "push" {}
  on "manual" {}
  input "needed" {}
  input "kind" { type = "string" }
  input "count" {
    type    = number
    default = "3"
  }
  input "env" {
    default = "prod"
    choices = ["dev", "staging"]
  }
  input "level" {
    type    = number
    default = 1
    choices = [1, "2"]
  }
  input "old" {
    default  = ""
    required = true
  }
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      command = ["echo", input.cuont, input.env]
    }
  }
}
