# Names with hyphens, in every place that refers to them.
variable "base-image" {
  type    = string
  default = "alpine:3.20"
}
secret "api-key" {}
locals { my-image = var.base-image }
activity "say-it" {
  input "the-text" { type = string }
  image  = "alpine:3.20"
  env    = { T = input.the-text }
  script = "true"
}
pipeline "my-pipeline" {
  on "push" {}
  job "job-a" {
    image = local.my-image
    activity "act-1" {
      script = "true"
      output "out-1" { type = string }
    }
    output "o-1" { value = activity.act-1.outputs.out-1 }
  }
  job "job-b" {
    needs = [job.job-a]
    env   = { K = secret.api-key }
    activity "x" {
      use  = def.say-it
      with = { the-text = job.job-a.outputs.o-1 }
    }
  }
}
