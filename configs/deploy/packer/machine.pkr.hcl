# Judges the machine that is being made into an image, by its files: the last provisioner before it is shut down.
variable "host" {
  type = string
}

variable "preflight" {
  type    = string
  default = "dist/preflight-0.1.0-x86_64-linux"
}

# A machine that runs already. Yours is made by your builder: qemu, amazon-ebs and so on.
source "null" "machine" {
  ssh_host       = var.host
  ssh_username   = "root"
  ssh_agent_auth = true
}

build {
  sources = ["source.null.machine"]

  provisioner "file" {
    sources     = [var.preflight, "${path.root}/judge-image", "${path.root}/image.yaml"]
    destination = "/tmp/"
  }

  # Whatever the verdict is, nothing of this stays in the image.
  provisioner "shell" {
    inline = [
      "status=0",
      "PREFLIGHT=/tmp/${basename(var.preflight)} sh /tmp/judge-image / || status=$?",
      "rm -f /tmp/${basename(var.preflight)} /tmp/judge-image /tmp/image.yaml",
      "exit $status",
    ]
  }
}
