"""Published classifiers that networks stand on, with the tensor names of torchvision or timm.

None of their weights come with this program; `core.learn.pretrained` loads a user's file.
"""
