package com.acme.zoo;

/** The only {@link Shape}; no service interface names it. */
public class Circle implements Shape {
    private static final long serialVersionUID = 1L;
    private double radius;

    public Circle() {}

    public Circle(double radius) { this.radius = radius; }

    public double getRadius() { return radius; }
    public void setRadius(double v) { radius = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
