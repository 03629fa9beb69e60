# event: manual branch main
# input: dry=false
# input: count=-2
pipeline "deploy" {
  on "push" {}
  on "manual" {}
  input "dry" {
    type        = bool
    default     = true
    description = "only print what would be done"
  }
  input "count" {
    type    = number
    default = 1
    choices = [-2, 1]
  }
  input "to" { default = "" }
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      command = [input.dry ? "echo" : "deploy", "${input.count + 1}"]
      env     = { TO = input.to, DRY = input.dry }
    }
  }
}
