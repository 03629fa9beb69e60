# secret: token
secret "token" {}
activity "publish" {
  description = "Publishes a package"
  input "name" { type = string }
  input "tags" {
    type    = set(string)
    default = ["latest"]
    check {
      condition = alltrue([for t in input.tags : length(t) < 20])
      message   = "Tags are short."
    }
  }
  input "options" { type = object({ dry = optional(bool, false), limits = optional(map(number)), nested = optional(object({ a = optional(number, 1) }), {}) }) }
  input "token" {
    type      = string
    sensitive = true
  }
  output "url" { type = string }
  image   = "alpine:3.20"
  env     = { NAME = input.name, TAGS = join(",", input.tags), DRY = input.options.dry, TOKEN = input.token, RUN = run.id, A = input.options.nested.a }
  script  = "true"
  timeout = "10m"
  retries = 1
}
pipeline "ci" {
  on "push" {}
  job "a" {
    env = { NOT = "for definitions" }
    activity "first" {
      use  = def.publish
      with = { name = "house", token = secret.token, options = {} }
    }
    activity "second" {
      use     = def.publish
      with    = { name = activity.first.outputs.url, tags = ["a", "b"], token = "x", options = { dry = true, limits = { cpu = 1 } } }
      env     = { NAME = "other", MORE = 1 }
      timeout = "1m"
    }
    output "url" { value = activity.second.outputs.url }
  }
}
