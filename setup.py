"""Adds the folder configs/ to the wheel, as data of the package `tfapps.configs`."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["tfapps*"]), "tfapps.configs"],
    package_dir={"tfapps.configs": "configs"},
)
